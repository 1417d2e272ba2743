#include "base/json.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "runner/shared_data.h"

namespace hearth {

TEST(Json, KeepsOrderAndTypes) {
  const auto json = Json::parse(R"({"b": 1, "a": [true, null, 2.5, "x\u00e9\n"], "big": 1000000000000000019884624838656})");
  ASSERT_TRUE(json) << json.error().text();
  EXPECT_EQ(json->as_object()[0].first, "b");
  EXPECT_EQ(json->integer_or("b", 0), 1);
  EXPECT_EQ(json->find("a")->as_array()[3].as_string(), "xé\n");
  EXPECT_DOUBLE_EQ(json->number_or("big", 0), 1e30);
  EXPECT_EQ(json->find("a")->dump(), R"([true,null,2.5,"xé\n"])");
}

TEST(Json, RefusesDuplicateKeysAndDepth) {
  EXPECT_NE(Json::parse(R"({"a":1,"a":2})").error().message.find("'a' stands twice"), std::string::npos);
  EXPECT_FALSE(Json::parse(std::string(100000, '[')));
  EXPECT_FALSE(Json::parse(std::string(200, '[') + std::string(200, ']')));
  EXPECT_TRUE(Json::parse(std::string(100, '[') + std::string(100, ']')));
}

TEST(Json, BoundsTheNumberOfValues) {
  EXPECT_TRUE(Json::parse("[1, {\"a\": 2}]", 4));
  const auto refused = Json::parse("[1, {\"a\": 2}]", 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
}

TEST(Json, NamesTheMissingKey) {
  const Json json = *Json::parse(R"({"n": "text"})");
  EXPECT_EQ(json.integer("n").error().message, "'n' is a string; it must be an integer");
  EXPECT_EQ(json.text("m").error().message, "'m' is missing; it must be a string");
}

TEST(Json, WritesWhatItReads) {
  for (const char* text : {"1.0", "1e+300", "-0.5", "[]", "{}", "\"\\u0001\"", "[1,[2,{\"a\":null}]]", "3"})
    EXPECT_EQ(Json::parse(text)->dump(), text);
  for (const char* text : {"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809",
                           "18446744073709551615", "123456789012345678901234567890"})
    EXPECT_EQ(Json::parse(text)->dump(), text);
  EXPECT_EQ(Json("a\xff").dump(), "\"a\uFFFD\"");
}

// As json.dumps(json.loads(text)) of Python has them.
TEST(Json, WritesNumbersAsPythonDoes) {
  const std::pair<const char*, const char*> kCases[] = {
      {"1.0", "1.0"},       {"1e5", "100000.0"},  {"1E5", "100000.0"}, {"0.1", "0.1"},     {"-0", "0"},        {"-0.0", "-0.0"},
      {"1e15", "1000000000000000.0"}, {"1e16", "1e+16"}, {"0.0001", "0.0001"}, {"0.00001", "1e-05"}, {"12345678.90", "12345678.9"},
      {"1e-400", "0.0"},    {"5e-324", "5e-324"}, {"9007199254740993.0", "9007199254740992.0"}};
  for (const auto& [given, written] : kCases) EXPECT_EQ(Json::parse(given)->dump(), written) << given;
}

TEST(Json, BigIntegersAreNumbersButNoIntegersOf64Bits) {
  const Json json = *Json::parse(R"({"n": 18446744073709551616})");
  EXPECT_EQ(json.find("n")->as_digits(), "18446744073709551616");
  EXPECT_EQ(json.number_or("n", 0), 0x1p64);
  EXPECT_EQ(json.integer_or("n", 5), 5);
  EXPECT_EQ(json.integer("n").error().message, "'n' is an integer beyond 64 signed bits; it must be an integer");
  EXPECT_EQ(json, *Json::parse(R"({"n":18446744073709551616})"));
  EXPECT_NE(json, *Json::parse(R"({"n":18446744073709551617})"));
}

// The public suite: y_ files must parse, n_ files must not.
TEST(Json, ParsingSuite) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(testing::shared_data() + "/tools_schema/JSONTestSuite/test_parsing")) {
    const std::string name = entry.path().filename();
    const auto text = read_text_file(entry.path());
    ASSERT_TRUE(text);
    const bool parsed = Json::parse(*text).has_value();
    if (name.contains("duplicated_key") || name.starts_with("i_")) continue;
    EXPECT_EQ(parsed, name.starts_with("y_")) << name;
    ++cases;
  }
  testing::count_cases("JSON parsing suite", cases);
}

}  // namespace hearth
