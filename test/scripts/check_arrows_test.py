#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The iovirt authors
"""What scripts/check-arrows accepts and what it finds, in a tree of a few files."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check-arrows"
HEAD = ("// SPDX-License-Identifier: Apache-2.0\n"
        "// SPDX-FileCopyrightText: 2026 The iovirt authors\n")
GOOD = {
    "lib/field.h": "#pragma once\n",
    "lib/sim/socket.h": '#pragma once\n#include <systemc>\n#include "lib/field.h"\n',
    "models/pcie/tlp.h": '#pragma once\n#include "lib/field.h"\n',
    "models/nic/nic_module.h":
        '#pragma once\n#include <tlm_utils/simple_target_socket.h>\n'
        '#include "lib/sim/socket.h"\n#include "models/pcie/tlp.h"\n',
    "models/platform/machine_module.cpp": '#include "models/nic/nic_module.h"\n',
    "test/models/nic/nic_module_test.cpp": '#include "models/nic/nic_module.h"\n',
}


class CheckArrows(unittest.TestCase):
    def faults(self, files):
        """The lines that the script prints for GOOD and these files, but for its last one."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**GOOD, **files}.items():
                file = Path(root) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text if text.startswith("!") else HEAD + text)
            done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)
        lines = done.stdout.splitlines()[:-1]
        self.assertEqual(done.returncode, 1 if lines else 0, done.stderr)
        return lines

    def finds(self, path, text, fault):
        lines = self.faults({path: text})
        self.assertTrue(lines, "nothing found")
        self.assertIn(fault, lines[0])
        self.assertTrue(lines[0].startswith(path + ":"), lines[0])

    def test_a_tree_whose_arrows_point_down_is_accepted(self):
        self.assertEqual(self.faults({}), [])

    def test_systemc_in_a_pure_file(self):
        for header in "systemc", "systemc.h", "tlm", "tlm_utils/peq.h", "sysc/kernel/sc_time.h":
            self.finds("lib/a.cpp", f"#include <{header}>\n", "a pure file includes <")
            self.finds("models/cpu/a.cpp", f"#include <{header}>\n", "a pure file includes <")
            self.finds("test/models/cpu/a_test.cpp", f"#include <{header}>\n", "a pure file")

    def test_systemc_by_way_of_another_header(self):
        self.finds("models/nic/a.cpp", '#include "lib/sim/socket.h"\n', "which is SystemC")
        self.finds("models/nic/a.cpp", '#include "models/nic/nic_module.h"\n', "which is SystemC")
        self.finds("test/models/nic/a_test.cpp", '#include "models/nic/nic_module.h"\n',
                   "which is SystemC")

    def test_an_include_that_points_up(self):
        up = "arrows point down only"
        self.finds("lib/a.cpp", '#include "models/pcie/tlp.h"\n', up)
        self.finds("models/pcie/a_module.cpp", '#include "models/nic/nic_module.h"\n', up)
        self.finds("models/iommu/a.cpp", '#include "models/pcie/tlp.h"\n', up)

    def test_software_reaches_devices_by_their_registers(self):
        self.finds("models/software/a_module.cpp", '#include "models/nic/nic_module.h"\n',
                   "by its registers")

    def test_an_include_not_written_from_the_root(self):
        self.finds("models/pcie/a.cpp", '#include "tlp.h"\n', "not a path from the root")

    def test_a_file_without_its_head(self):
        self.finds("lib/a.cpp", "!", "SPDX")
        self.finds("lib/a.h", "int a();\n", "#pragma once")

    def test_a_test_name_that_ctest_takes_apart(self):
        self.finds("test/lib/a_test.cpp", 'TEST_CASE("bits [7:0]") {}\n', "brackets")

    def test_an_include_in_a_comment_is_none(self):
        self.assertEqual(self.faults({"lib/a.cpp": "// #include <tlm>\n/*\n#include <tlm>\n*/\n"}), [])


if __name__ == "__main__":
    unittest.main()
