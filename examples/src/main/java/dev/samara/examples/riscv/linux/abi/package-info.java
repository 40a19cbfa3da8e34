// SPDX-License-Identifier: Apache-2.0
/**
 * What Linux and its programs agree upon: the numbers of errors, the names of system calls, and the status of a process
 * that has ended. Numbers are those of {@code include/uapi/asm-generic}.
 */
@NullMarked
package dev.samara.examples.riscv.linux.abi;

import org.jspecify.annotations.NullMarked;
