// Tokenization speed of a model's vocabulary on one thread: a text of the reader's choice, and texts made to be slow (one
// letter, spaces, one emoji), each twice as long in the second column: a linear tokenizer keeps its rate.
//   hearth_tokenizer_bench MODEL TEXT
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "service/model_files.h"

namespace hearth {
namespace {

double seconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double megabytes_per_second(const text::Tokenizer& tokenizer, const std::string& text) {
  std::vector<double> times;
  for (int i = 0; i < 7; ++i) {
    const double start = seconds_now();
    const size_t tokens = tokenizer.encode(text).size();
    times.push_back(seconds_now() - start);
    if (tokens == 0) std::puts("no tokens");
  }
  std::nth_element(times.begin(), times.begin() + 3, times.end());
  return static_cast<double>(text.size()) / times[3] / 1e6;
}

std::string repeated(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

int run(const std::string& model, const std::string& text_file) {
  const double start = seconds_now();
  const auto files = service::ModelFiles::open(model);
  if (!files) return std::fprintf(stderr, "%s\n", files.error().text().c_str()), 1;
  const auto tokenizer = files->tokenizer();
  if (!tokenizer) return std::fprintf(stderr, "%s\n", tokenizer.error().text().c_str()), 1;
  std::printf("%s: opened in %.0f ms\n", std::string((*tokenizer)->summary()).c_str(), 1000 * (seconds_now() - start));
  std::ifstream file(text_file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.empty()) return std::fprintf(stderr, "%s: no text\n", text_file.c_str()), 1;
  std::printf("%-12s %6.1f MB/s\n", "text", megabytes_per_second(**tokenizer, text));
  constexpr std::pair<const char*, std::string_view> kUnits[] = {{"letters", "a"}, {"spaces", " "}, {"emoji", "\U0001F98A"}};
  for (const auto& [name, unit] : kUnits)
    std::printf("%-12s %6.1f MB/s for 1 MB, %6.1f MB/s for 2 MB\n", name, megabytes_per_second(**tokenizer, repeated(unit, 1 << 20)),
                megabytes_per_second(**tokenizer, repeated(unit, 2 << 20)));
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "hearth_tokenizer_bench MODEL TEXT\n"), 2;
  return hearth::run(argv[1], argv[2]);
}
