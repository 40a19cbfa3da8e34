// SPDX-License-Identifier: Apache-2.0
/**
 * The interface between Linux and its programs: error numbers, names of system calls, and the options and the status of
 * a wait for children. The numbers are those of {@code include/uapi/asm-generic}.
 */
@NullMarked
package dev.samara.emulator.linux.abi;

import org.jspecify.annotations.NullMarked;
