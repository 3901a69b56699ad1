// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#pragma once

namespace iovirt::bench {

/// Prints what a request of `iovirt translate` costs the host; returns the exit status.
int translate(unsigned long requests);

}  // namespace iovirt::bench
