// SPDX-License-Identifier: Apache-2.0
/**
 * What Linux and its programs agree upon: the numbers of errors, the names of system calls, what a wait for children
 * asks for, and the status that it finds. Numbers are those of {@code include/uapi/asm-generic}.
 */
@NullMarked
package dev.samara.emulator.linux.abi;

import org.jspecify.annotations.NullMarked;
