// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

/** The architectures, which number calls and lay structures out in different ways. */
enum Architecture {
    X86_64,
    RV64
}
