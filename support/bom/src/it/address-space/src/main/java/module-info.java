// SPDX-License-Identifier: Apache-2.0
module demo.memory {
    requires dev.samara.core;
}
