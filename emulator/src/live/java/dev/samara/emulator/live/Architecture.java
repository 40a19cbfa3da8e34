// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

/** The architectures, which differ in the numbers of calls and in the layout of structures. */
enum Architecture {
    X86_64,
    RV64
}
