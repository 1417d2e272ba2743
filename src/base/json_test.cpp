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
  EXPECT_EQ(Json("a\xff").dump(), "\"a\uFFFD\"");
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
