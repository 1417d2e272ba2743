#pragma once
// Where tests find data: small goldens of our own in tests/, and the optional collection of real files beside the checkout.
#include <gtest/gtest.h>

#include <string>

namespace hearth::testing {

// The folder of real model files, vocabularies and templates ($HEARTH_TEST_DATA, else ../shared/data beside the checkout);
// empty where absent.
std::string shared_data();

// A file or folder of this repository.
std::string source_path(const std::string& relative);

// Adds `cases` to the count of the named group ("tokenizer vectors"), which ./check sums and prints.
void count_cases(const std::string& group, size_t cases);

#define HEARTH_SKIP_WITHOUT_SHARED_DATA()                              \
  do {                                                                 \
    if (::hearth::testing::shared_data().empty())                      \
      GTEST_SKIP() << "the folder of shared test data is absent";      \
  } while (false)

}  // namespace hearth::testing
