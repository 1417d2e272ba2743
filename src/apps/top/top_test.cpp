#include <gtest/gtest.h>

#include <cmath>

#include "apps/top/reading.h"
#include "apps/top/view.h"

namespace hearth::apps {
namespace {

std::string mistake(std::string_view text) {
  const auto samples = parse_metrics(text);
  return samples ? "none" : samples.error().text();
}

TEST(MetricsText, ReadsSamples) {
  const auto samples = parse_metrics(
      "# HELP a:b Some words.\n# TYPE a:b counter\n\n# anything\n"
      "a:b{x=\"1\", y = \"q\\\"\\\\\\n}\",} 3 1700000000000\n  _c 1.5e-3\nd -Inf\ne NaN\nf{} +2\n");
  ASSERT_TRUE(samples) << samples.error().text();
  ASSERT_EQ(samples->size(), 5u);
  EXPECT_EQ((*samples)[0].name, "a:b");
  EXPECT_EQ((*samples)[0].label("x"), "1");
  EXPECT_EQ((*samples)[0].label("y"), "q\"\\\n}");
  EXPECT_EQ((*samples)[0].label("z"), "");
  EXPECT_EQ((*samples)[0].value, 3);
  EXPECT_EQ((*samples)[1].value, 0.0015);
  EXPECT_EQ((*samples)[2].value, -INFINITY);
  EXPECT_TRUE(std::isnan((*samples)[3].value));
  EXPECT_EQ((*samples)[4].value, 2);
  EXPECT_TRUE(parse_metrics("")->empty());
}

TEST(MetricsText, NamesTheLineThatIsWrong) {
  EXPECT_EQ(mistake("a 1\nb 2"), "line 2: the last line does not end");
  EXPECT_EQ(mistake("a 1\n9 2\n"), "line 2: a name expected");
  EXPECT_EQ(mistake("a\n"), "line 1: '' is no number");
  EXPECT_EQ(mistake("a 0x1\n"), "line 1: '0x1' is no number");
  EXPECT_EQ(mistake("a infinity\n"), "line 1: 'infinity' is no number");
  EXPECT_EQ(mistake("a 1 2 3\n"), "line 1: something follows the value");
  EXPECT_EQ(mistake("a{b=1} 1\n"), "line 1: '\"' expected");
  EXPECT_EQ(mistake("a{b=\"1} 1\n"), "line 1: the text of a label does not end");
  EXPECT_EQ(mistake("a{b=\"\\t\"} 1\n"), "line 1: an escape other than \\n, \\\" and \\\\");
  EXPECT_EQ(mistake("a{b=\"1\" c=\"2\"} 1\n"), "line 1: ',' or '}' expected");
  EXPECT_EQ(mistake("a{b=\"1\",b=\"2\"} 1\n"), "line 1: the label b stands twice");
  EXPECT_EQ(mistake("a{b=\"1\"\n"), "line 1: ',' or '}' expected");
  EXPECT_EQ(mistake("# TYPE a number\n"), "line 1: 'number' is no type of a metric");
}

// The metrics of one model: the counters and buckets that matter here.
Reading reading(double seconds, double prompt, double generated, double asked, double cached, double disk, std::vector<double> gaps) {
  std::string text;
  const auto add = [&](std::string_view name, std::string_view labels, double value) {
    text += fmt::format("hearth:{}{{model_name=\"m\"{}}} {}\n", name, labels, value);
  };
  add("num_requests_running", "", 2);
  add("num_requests_waiting", "", 5);
  add("engine_prompt_tokens_total", "", prompt);
  add("engine_generation_tokens_total", "", generated);
  add("prefix_cache_queries", "", asked);
  add("prefix_cache_hits", "", cached);
  add("disk_cache_tokens_total", "", disk);
  add("request_success_total", ",finished_reason=\"stop\"", prompt / 10);
  add("request_success_total", ",finished_reason=\"length\"", prompt / 10);
  add("kv_pages", ",kind=\"used\"", 10);
  add("kv_pages", ",kind=\"kept\"", 30);
  add("kv_pages", ",kind=\"free\"", 60);
  constexpr std::string_view kBounds[] = {"0.01", "0.1", "1", "+Inf"};
  for (size_t i = 0; i < gaps.size(); ++i) add("inter_token_latency_seconds_bucket", fmt::format(",le=\"{}\"", kBounds[i]), gaps[i]);
  const auto out = read_metrics(*parse_metrics(text), seconds);
  EXPECT_TRUE(out) << out.error().text();
  return *out;
}

TEST(Reading, DifferencesOverTheInterval) {
  const Reading before = reading(10, 100, 50, 1000, 100, 50, {10, 10, 10, 10}), now = reading(12, 300, 60, 1400, 300, 150, {10, 10, 18, 20});
  const ModelActivity model = compare(&before, now).at(0);
  EXPECT_EQ(model.now.name, "m");
  EXPECT_EQ(model.now.running, 2);
  EXPECT_EQ(model.now.waiting, 5);
  EXPECT_EQ(model.seconds, 2);
  EXPECT_EQ(model.rate(&ModelReading::prompt_tokens), 100);
  EXPECT_EQ(model.rate(&ModelReading::generated_tokens), 5);
  EXPECT_EQ(model.change.ended, 40);
  EXPECT_EQ(model.memory_share(), 0.25);  // 200 of 400, 100 of these from the disk
  EXPECT_EQ(model.disk_share(), 0.25);
  EXPECT_EQ(model.change.gap.total(), 10);
  EXPECT_DOUBLE_EQ(*model.change.gap.quantile(0.4), 0.1 + 0.9 * 4 / 8);
  EXPECT_EQ(model.change.gap.quantile(0.99), 1);  // above every finite bound
  EXPECT_EQ(model.change.first_token.quantile(0.5), std::nullopt);
}

TEST(Reading, AServerThatStartedAnewCountsFromNothing) {
  const Reading before = reading(10, 100, 50, 0, 0, 0, {10, 10, 10, 10}), now = reading(12, 40, 6, 0, 0, 0, {1, 2, 3, 3});
  const ModelActivity model = compare(&before, now).at(0);
  EXPECT_EQ(model.rate(&ModelReading::prompt_tokens), 20);
  EXPECT_EQ(model.change.gap.total(), 3);
  EXPECT_EQ(model.memory_share(), std::nullopt);
  EXPECT_EQ(compare(nullptr, now).at(0).rate(&ModelReading::prompt_tokens), 0);
}

TEST(Reading, RefusesWhatIsNoHistogramAndNoServer) {
  const auto mistake = [](std::string_view text) { return read_metrics(*parse_metrics(text), 0).error().text(); };
  EXPECT_EQ(mistake("up 1\n"), "these are not the metrics of a Hearth server: no name begins with hearth:");
  const std::string name = "hearth:inter_token_latency_seconds_bucket{model_name=\"m\",le=";
  EXPECT_EQ(mistake(name + "\"1\"} 4\n"), "hearth:inter_token_latency_seconds_bucket: the bucket '+Inf' is missing");
  EXPECT_EQ(mistake(name + "\"1\"} 4\n" + name + "\"+Inf\"} 3\n"), "hearth:inter_token_latency_seconds_bucket: the bucket '+Inf' is out of order");
  EXPECT_EQ(mistake(name + "\"x\"} 4\n"), "hearth:inter_token_latency_seconds_bucket: the bucket 'x' is out of order");
}

TEST(View, SaysEverythingInPlainText) {
  const Reading before = reading(10, 100, 50, 1000, 100, 50, {10, 10, 10, 10}), now = reading(12, 300, 60, 1400, 300, 150, {10, 20, 20, 20});
  std::string text;
  for (const Line& line : top_lines("http://h", "", compare(&before, now))) text += line_text(line, 200, false) + "\n";
  EXPECT_EQ(text,
            "hearth top  http://h\n"
            "\n"
            "m\n"
            "  requests     2 running  5 waiting  40 ended  0 failed  0 preempted\n"
            "  tokens/s     prompt 100.0  generated 5.0\n"
            "  first token  -\n"
            "  gaps         p50 55.0 ms  p99 99.1 ms\n"
            "  pages        [####============........................]  # 10 used  = 30 kept  . 60 free\n"
            "  cache hits   memory 25 %  disk 25 %\n");
}

TEST(View, OneReadingHasNoRatesAndNoServerHasNews) {
  const auto first = top_lines("u", "away", compare(nullptr, reading(1, 2, 3, 4, 5, 6, {})));
  EXPECT_EQ(line_text(first[1], 80, false), "away");
  EXPECT_EQ(line_text(first[5], 80, false), "  tokens/s     prompt -  generated -");
  EXPECT_EQ(line_text(top_lines("u", "", {})[1], 80, false), "the server has no models");
}

TEST(View, CutsAndDisarms) {
  EXPECT_EQ(line_text({{"abc", "1"}, {"def"}}, 4, true), "\x1b[1mabc\x1b[0md");
  EXPECT_EQ(line_text({{"a\x1b[2J\n\xC2\x9B\x7F"}}, 80, true), "a?[2J???");
  EXPECT_EQ(line_text({{"äöü"}}, 2, false), "äö");
}

TEST(View, SecondsKeepThreeDigits) {
  EXPECT_EQ(seconds_text(0.00085), "850 us");
  EXPECT_EQ(seconds_text(0.00123), "1.23 ms");
  EXPECT_EQ(seconds_text(0.9996), "1000 ms");
  EXPECT_EQ(seconds_text(12.34), "12.3 s");
}

}  // namespace
}  // namespace hearth::apps
