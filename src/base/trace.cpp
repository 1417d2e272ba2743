#include "base/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <numeric>

#include "base/file.h"

namespace hearth {

namespace {

constexpr Trace::What kNamelessWork{.name = "work"};

bool is_same(const Trace::What& a, const Trace::What& b) {
  return a.name == b.name && a.outputs == b.outputs && a.inputs == b.inputs && a.format == b.format;
}

std::string text_of(const Trace::What& what) {
  std::string text(what.name);
  if (!what.format.empty()) text += fmt::format(" {}", what.format);
  if (what.outputs != 0) text += fmt::format(" {}x{}", what.outputs, what.inputs);
  if (what.number >= 0) text += fmt::format(" {}", what.number);
  return text;
}

double seconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-9; }

}  // namespace

double StepProfile::waiting_share() const {
  const double all = seconds * static_cast<double>(waiting.size());
  return all > 0 ? std::accumulate(waiting.begin(), waiting.end(), 0.0) / all : 0;
}

Trace::Trace(size_t spans_per_thread) : spans_per_thread_(spans_per_thread), start_(now()), lanes_(1) {}

uint64_t Trace::now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

void Trace::expect_threads(unsigned threads) { lanes_.resize(std::max<size_t>(lanes_.size(), threads)); }

void Trace::record(unsigned thread, const What& what, uint64_t begin, uint64_t end) {
  Lane& lane = lanes_[thread];
  const Recorded span{what, begin, end};
  if (lane.ring.size() < spans_per_thread_) lane.ring.push_back(span);
  else lane.ring[lane.recorded % spans_per_thread_] = span;
  ++lane.recorded;
}

void Trace::worked(unsigned thread, uint64_t begin) {
  const uint64_t end = now();
  lanes_[thread].busy[kind_] += end - begin;
  record(thread, current_ != nullptr ? *current_ : kNamelessWork, begin, end);
}

void Trace::joined(uint64_t forked, uint64_t own_end) {
  const uint64_t end = now();
  KindSum& sum = sums_[kind_];
  ++sum.joins;
  sum.parallel += end - forked;
  sum.join_wait += end - own_end;
  record(0, {.name = "wait for threads"}, own_end, end);
}

Trace::Operation::Operation(Trace* trace, const What& what) : trace_(trace), what_(what) {
  if (trace == nullptr) return;
  trace->current_ = &what_;
  begin_ = now();
}

Trace::Operation::~Operation() {
  if (trace_ == nullptr) return;
  const uint64_t end = now();
  trace_->current_ = nullptr;
  auto& sums = trace_->sums_[trace_->kind_].operations;
  auto found = std::ranges::find_if(sums, [&](const OperationSum& sum) { return is_same(sum.what, what_); });
  if (found == sums.end()) found = sums.insert(sums.end(), {.what = what_});
  ++found->calls;
  found->time += end - begin_;
  trace_->record(0, what_, begin_, end);
}

void Trace::Step::has(uint32_t prompt_rows, uint32_t generated_rows) {
  rows_ = prompt_rows + generated_rows;
  if (trace_ != nullptr && rows_ != 0) trace_->kind_ = prompt_rows == 0 ? kDecode : kPrompt;
}

Trace::Step::~Step() {
  if (trace_ == nullptr || trace_->kind_ == kOutside) return;
  const uint64_t end = now();
  KindSum& sum = trace_->sums_[trace_->kind_];
  ++sum.steps;
  sum.rows += rows_;
  sum.time += end - begin_;
  trace_->record(0, {.name = trace_->kind_ == kDecode ? "decode step" : "prompt step", .rows = rows_}, begin_, end);
  trace_->kind_ = kOutside;
}

uint64_t Trace::dropped() const {
  uint64_t dropped = 0;
  for (const Lane& lane : lanes_) dropped += lane.recorded - lane.ring.size();
  return dropped;
}

std::vector<StepProfile> Trace::profile() const {
  std::vector<StepProfile> profiles;
  for (const Kind kind : {kPrompt, kDecode}) {
    const KindSum& sum = sums_[kind];
    if (sum.steps == 0) continue;
    StepProfile out{.kind = kind == kDecode ? "decode" : "prompt", .steps = sum.steps, .rows = sum.rows, .joins = sum.joins,
                    .seconds = seconds(sum.time), .parallel_seconds = seconds(sum.parallel), .operations = {}, .waiting = {}};
    for (const OperationSum& of : sum.operations) out.operations.push_back({text_of(of.what), of.calls, seconds(of.time)});
    std::ranges::sort(out.operations, std::ranges::greater{}, &StepProfile::Operation::seconds);
    out.waiting.push_back(seconds(sum.join_wait));
    for (size_t t = 1; t < lanes_.size(); ++t) out.waiting.push_back(seconds(sum.time - std::min(sum.time, lanes_[t].busy[kind])));
    profiles.push_back(std::move(out));
  }
  return profiles;
}

Result<void> Trace::write(const std::string& path) const {
  std::string out = "[\n";
  const auto to = std::back_inserter(out);
  for (size_t t = 0; t < lanes_.size(); ++t) {
    fmt::format_to(to, R"({{"name":"thread_name","ph":"M","pid":1,"tid":{},"args":{{"name":"thread {}{}"}}}})", t, t,
                   t == 0 ? ", steps" : "");
    for (const auto& [what, begin, end] : lanes_[t].ring) {
      fmt::format_to(to, R"(,{}{{"name":"{}","ph":"X","pid":1,"tid":{},"ts":{:.3f},"dur":{:.3f})", '\n', text_of(what), t,
                     static_cast<double>(begin - start_) * 1e-3, static_cast<double>(end - begin) * 1e-3);
      if (what.rows != 0) fmt::format_to(to, R"(,"args":{{"rows":{}}})", what.rows);
      out += '}';
    }
    out += t + 1 == lanes_.size() ? "\n" : ",\n";
  }
  return write_file(path, out + "]\n");
}

}  // namespace hearth
