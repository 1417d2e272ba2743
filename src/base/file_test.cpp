// Files are written whole, for those who may read them, and through no link.
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test_folder.h"

namespace hearth {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
  return facts.st_mode & 0777;
}

TEST(WriteFile, ForThoseWhoMayRead) {
  const testing::TestFolder folder;
  const std::string path = folder.path() + "/a";
  ASSERT_TRUE(write_file(path, "one", Readers::kOwner));
  EXPECT_EQ(mode_of(path), 0600u);
  ASSERT_TRUE(write_file(path, "two"));
  EXPECT_EQ(mode_of(path), 0644u);
  EXPECT_EQ(read_text_file(path).value(), "two");
  EXPECT_EQ(names_in(folder.path()).value(), std::vector<std::string>{"a"});
}

TEST(WriteFile, ReplacesALinkAndFollowsNone) {
  const testing::TestFolder folder;
  const std::string target = folder.path() + "/target", link = folder.path() + "/link";
  ASSERT_TRUE(write_file(target, "theirs"));
  ASSERT_EQ(::symlink(target.c_str(), link.c_str()), 0);
  ASSERT_TRUE(write_file(link, "ours"));
  EXPECT_EQ(read_text_file(target).value(), "theirs");
  EXPECT_EQ(read_text_file(link).value(), "ours");
}

TEST(WriteFile, TellsWhyNot) {
  const auto written = write_file("/nonexistent/a", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kCannotCreate);
}

TEST(MapFile, KnowsWhetherItsPathStillLeadsToIt) {
  const testing::TestFolder folder;
  const std::string path = folder.write("a", "one"), other = folder.write("b", "two");
  const auto replaced = map_file(path).value();
  EXPECT_TRUE(replaced->is_unchanged());
  EXPECT_EQ(replaced->facts().bytes, 3u);
  ASSERT_EQ(::rename(other.c_str(), path.c_str()), 0);
  EXPECT_FALSE(replaced->is_unchanged());
  const auto rewritten = map_file(path).value();
  EXPECT_NE(rewritten->facts(), replaced->facts());
  folder.write("a", "longer");
  EXPECT_FALSE(rewritten->is_unchanged());
  const auto gone = map_file(path).value();
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_FALSE(gone->is_unchanged());
}

TEST(NamesIn, AreSortedAndAMissingFolderIsNamed) {
  const testing::TestFolder folder;
  for (const char* name : {"b", "c", "a"}) folder.write(name, "");
  EXPECT_EQ(names_in(folder.path()).value(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_NE(names_in("/nonexistent").error().text().find("/nonexistent"), std::string::npos);
}

}  // namespace
}  // namespace hearth
