// SPDX-License-Identifier: Apache-2.0
module demo.intervals {
    requires dev.samara.maple;
}
