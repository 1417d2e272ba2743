#include "apps/tracing.h"

#include <algorithm>

namespace hearth::apps {

void Tracing::visit(options::OptionList& v) {
  v.section("Where the time goes");
  v("trace", file_, "write what each thread did to this file, as events that chrome://tracing and Perfetto show",
    options::any().named("FILE").flag_only());
  v("profile", profile_, "tell each operation's share of a step, and how long threads wait", options::any().flag_only());
}

Trace* Tracing::recorder() {
  if (file_.empty() && !profile_) return nullptr;
  if (!trace_) trace_.emplace();
  return &*trace_;
}

Result<void> Tracing::finish(const Console& console) const {
  if (!trace_) return {};
  if (profile_)
    for (const StepProfile& profile : trace_->profile()) console.status(profile_text(profile));
  if (file_.empty()) return {};
  if (trace_->dropped() > 0)
    console.note(fmt::format("{} holds the end of the run; {} earlier spans are left out", file_, number_text(trace_->dropped())));
  return trace_->write(file_);
}

Json Tracing::profile_json() const {
  if (!trace_ || !profile_) return {};
  Json out = Json::object();
  for (const StepProfile& profile : trace_->profile()) {
    Json operations = Json::array(), waiting = Json::array();
    for (const auto& of : profile.operations)
      operations.push(Json::object({{"name", of.name}, {"calls", of.calls}, {"seconds", of.seconds}}));
    for (const double seconds : profile.waiting) waiting.push(seconds);
    out.set(profile.kind, Json::object({{"steps", profile.steps}, {"rows", profile.rows}, {"seconds", profile.seconds},
                                        {"joins", profile.joins}, {"parallel_seconds", profile.parallel_seconds},
                                        {"waiting_share", profile.waiting_share()}, {"waiting_seconds", std::move(waiting)},
                                        {"operations", std::move(operations)}}));
  }
  return out;
}

std::string profile_text(const StepProfile& profile) {
  const auto steps = static_cast<double>(profile.steps);
  const auto percent = [&](double seconds) { return 100 * seconds / profile.seconds; };
  std::string out = fmt::format("{}: {} step{} of {:.2f} ms and {:.0f} joins; threads wait {:.1f} % of the time", profile.kind,
                                profile.steps, profile.steps == 1 ? "" : "s", 1e3 * profile.seconds / steps,
                                static_cast<double>(profile.joins) / steps, 100 * profile.waiting_share());
  if (profile.waiting.size() > 1) {
    out += " (";
    for (size_t t = 0; t < profile.waiting.size(); ++t)
      out += fmt::format("{}thread {} {:.1f} %", t == 0 ? "" : ", ", t, percent(profile.waiting[t]));
    out += fmt::format("); only thread 0 works {:.1f} %", percent(profile.seconds - profile.parallel_seconds));
  }
  out += '\n';
  double rest = profile.seconds;
  const auto line = [&](const std::string& name, const std::string& calls, double seconds) {
    out += fmt::format("  {:<34}{:>8} {:>8.3f} ms {:>6.1f} %\n", name, calls, 1e3 * seconds / steps, percent(seconds));
  };
  for (const auto& of : profile.operations) {
    line(of.name, fmt::format("{:.0f} x", static_cast<double>(of.calls) / steps), of.seconds);
    rest -= of.seconds;
  }
  line("between operations", "", std::max(rest, 0.0));
  return out;
}

}  // namespace hearth::apps
