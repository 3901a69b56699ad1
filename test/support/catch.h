// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The one place that knows whether Catch2 is version 2 (Debian 12, Ubuntu 22.04) or 3.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <catch2/matchers/catch_matchers_vector.hpp>
#define IOVIRT_CATCH_MAJOR 3
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#define IOVIRT_CATCH_MAJOR 2
namespace Catch::Matchers {
// The names version 3 gives to the matchers the tests use (Approx is global already).
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
inline auto MessageMatches(const StdString::ContainsMatcher& matcher) {
    return Predicate<const std::exception&>(
        [matcher](const std::exception& e) { return matcher.match(e.what()); },
        "exception message " + matcher.toString());
}
}  // namespace Catch::Matchers
#endif
