// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/field.h"

#include <systemc>

int sc_main(int, char*[]) {
    sc_core::sc_start(1, sc_core::SC_NS);
    return sc_core::sc_time_stamp() == sc_core::sc_time(1, sc_core::SC_NS) ? 0 : 1;
}
