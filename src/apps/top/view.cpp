#include "apps/top/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace hearth::apps {

namespace {

constexpr size_t kBarWidth = 40;
constexpr std::string_view kBold = "1", kDim = "2", kWarning = "33", kUsed = "36", kKept = "34";

std::string count_text(double value) { return fmt::format("{:.0f}", value); }

std::string quantiles(const Distribution& values) {
  const auto middle = values.quantile(0.5), high = values.quantile(0.99);
  if (!middle) return "-";
  return fmt::format("p50 {}  p99 {}", seconds_text(*middle), seconds_text(*high));
}

std::string percent(std::optional<double> share) { return share ? fmt::format("{:.0f} %", 100 * *share) : "-"; }

// Used pages, kept ones, free ones. Whoever has any gets a character.
Line pages_line(const ModelReading& now) {
  const double all = now.pages_used + now.pages_kept + now.pages_free;
  if (all <= 0) return {{"  pages        ", kDim}, {"none: the model is not loaded"}};
  const auto width = [&](double pages) {
    return pages <= 0 ? 0 : std::clamp<size_t>(static_cast<size_t>(std::lround(pages / all * kBarWidth)), 1, kBarWidth);
  };
  const size_t used = width(now.pages_used), kept = std::min(width(now.pages_kept), kBarWidth - used);
  return {{"  pages        ", kDim},
          {"["},
          {std::string(used, '#'), kUsed},
          {std::string(kept, '='), kKept},
          {std::string(kBarWidth - used - kept, '.'), kDim},
          {fmt::format("]  # {} used  = {} kept  . {} free", now.pages_used, now.pages_kept, now.pages_free)}};
}

void add_model(std::vector<Line>& out, const ModelActivity& model) {
  const auto rate = [&](double ModelReading::*counter) {
    return model.seconds > 0 ? fmt::format("{:.1f}", model.rate(counter)) : std::string("-");
  };
  const auto change = [&](double ModelReading::*counter) { return model.seconds > 0 ? count_text(model.change.*counter) : "-"; };
  out.push_back({});
  out.push_back({{model.now.name, kBold}});
  out.push_back({{"  requests     ", kDim},
                 {fmt::format("{} running  {} waiting  {} ended  {} failed  {} preempted", count_text(model.now.running),
                              count_text(model.now.waiting), change(&ModelReading::ended), change(&ModelReading::failed),
                              change(&ModelReading::preemptions))}});
  out.push_back({{"  tokens/s     ", kDim},
                 {fmt::format("prompt {}  generated {}", rate(&ModelReading::prompt_tokens), rate(&ModelReading::generated_tokens))}});
  out.push_back({{"  first token  ", kDim}, {quantiles(model.change.first_token)}});
  out.push_back({{"  gaps         ", kDim}, {quantiles(model.change.gap)}});
  out.push_back(pages_line(model.now));
  out.push_back({{"  cache hits   ", kDim},
                 {fmt::format("memory {}  disk {}", percent(model.memory_share()), percent(model.disk_share()))}});
}

// At most `columns` characters, each taken for one column, and none that moves a cursor.
std::string harmless(std::string_view text, size_t& columns) {
  std::string out;
  for (size_t at = 0; at < text.size() && columns > 0; --columns) {
    size_t end = at + 1;
    while (end < text.size() && utf8::is_continuation(text[end])) ++end;
    const std::string_view character = text.substr(at, end - at);
    const auto first = static_cast<unsigned char>(character[0]);
    const bool is_c1 = first == 0xC2 && character.size() == 2 && static_cast<unsigned char>(character[1]) < 0xA0;
    const bool is_stray = utf8::is_continuation(character[0]) || (first < 0x80 && character.size() > 1);
    out += first < 0x20 || first == 0x7f || is_c1 || is_stray ? std::string_view("?") : character;
    at = end;
  }
  return out;
}

}  // namespace

std::vector<Line> top_lines(std::string_view url, std::string_view news, std::span<const ModelActivity> models) {
  std::vector<Line> out{{{"hearth top", kBold}, {fmt::format("  {}", url)}}};
  if (!news.empty()) out.push_back({{std::string(news), kWarning}});
  for (const ModelActivity& model : models) add_model(out, model);
  if (models.empty() && news.empty()) out.push_back({{"the server has no models", kDim}});
  return out;
}

std::string line_text(const Line& line, size_t columns, bool colours) {
  std::string out;
  for (const Piece& piece : line) {
    const std::string text = harmless(piece.text, columns);
    if (text.empty()) continue;
    out += colours && !piece.style.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", piece.style, text) : text;
  }
  return out;
}

std::string seconds_text(double seconds) {
  const auto three_digits = [](double value) { return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0); };
  if (seconds < 0.001) return fmt::format("{:.0f} us", seconds * 1e6);
  return seconds < 1 ? three_digits(seconds * 1e3) + " ms" : three_digits(seconds) + " s";
}

}  // namespace hearth::apps
