#include <gtest/gtest.h>

#include <set>

#include "api/traces/exporter.h"
#include "api/traces/request_trace.h"

namespace hearth::api {
namespace {

constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceParent, ReadsWhatTheStandardAllows) {
  const auto parent = parse_trace_parent(kParent);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace[0], 0x0a);
  EXPECT_EQ(parent->trace[15], 0x9c);
  EXPECT_EQ(parent->span[7], 0x31);
  EXPECT_TRUE(parent->is_sampled);
  EXPECT_FALSE(parse_trace_parent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")->is_sampled);
  EXPECT_TRUE(parse_trace_parent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later"));
}

TEST(TraceParent, IgnoresWhatIsWrong) {
  for (const std::string_view header : {"", "00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
                                        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
                                        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later",
                                        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01later"})
    EXPECT_FALSE(parse_trace_parent(header)) << header;
}

TEST(Otlp, Bytes) {
  Span span{.trace = parse_trace_parent(kParent)->trace, .id = {1, 2, 3, 4, 5, 6, 7, 8}, .name = "chat m"};
  span.kind = Span::Kind::kServer;
  span.begin_ns = 1700000000000000001;
  span.end_ns = 1700000000000000002;
  span.attributes = {{"n", 5}, {"s", "x"}, {"d", 0.5}, {"b", true}, {"a", Json::Array{"p", "q"}}};
  Span child{.trace = span.trace, .id = {8}, .parent = span.id, .name = "queue"};
  child.events = {{"e", 7, {{"k", 1}}}};
  child.has_failed = true;
  EXPECT_EQ(otlp_json(std::vector{span, child}, "svc", "1.2").dump(),
            R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}},)"
            R"({"key":"service.version","value":{"stringValue":"1.2"}}]},"scopeSpans":[{"scope":{"name":"hearth","version":"1.2"},"spans":[)"
            R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0102030405060708","name":"chat m","kind":2,)"
            R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002","attributes":[)"
            R"({"key":"n","value":{"intValue":"5"}},{"key":"s","value":{"stringValue":"x"}},{"key":"d","value":{"doubleValue":0.5}},)"
            R"({"key":"b","value":{"boolValue":true}},{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"p"},{"stringValue":"q"}]}}}],)"
            R"("events":[],"status":{"code":0}},)"
            R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0800000000000000","parentSpanId":"0102030405060708","name":"queue",)"
            R"("kind":1,"startTimeUnixNano":"0","endTimeUnixNano":"0","attributes":[],)"
            R"("events":[{"timeUnixNano":"7","name":"e","attributes":[{"key":"k","value":{"intValue":"1"}}]}],"status":{"code":2}}]}]}]})");
}

TEST(Exporter, TheCollectorsAddress) {
  EXPECT_EQ(traces_url("http://h:4318"), "http://h:4318/v1/traces");
  EXPECT_EQ(traces_url("http://h:4318/"), "http://h:4318/v1/traces");
  EXPECT_EQ(traces_url("http://h/x/v1/traces"), "http://h/x/v1/traces");
}

// An address that is refused at once: every batch is lost, and the queue takes no more than it may.
TEST(Exporter, CountsWhatItDrops) {
  ExporterOptions options{.url = "gopher://h", .queue = 4, .batch = 100};
  options.delay = std::chrono::hours(1);
  Exporter exporter(options);
  exporter.add(std::vector<Span>(3));
  EXPECT_EQ(exporter.dropped(), 0u);
  exporter.add(std::vector<Span>(2));  // 5 do not fit; none of them is taken
  EXPECT_EQ(exporter.dropped(), 2u);
  exporter.add(std::vector<Span>(1));
  EXPECT_EQ(exporter.dropped(), 2u);
}

}  // namespace
}  // namespace hearth::api
