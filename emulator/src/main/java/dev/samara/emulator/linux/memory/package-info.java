// SPDX-License-Identifier: Apache-2.0
/**
 * Guest memory for system calls and processes. An {@link dev.samara.core.AddressSpace} maps it.
 *
 * <p>{@link dev.samara.emulator.linux.memory.CallMemory} reads and writes structures for a system call. An address that
 * cannot be accessed ends the call with a {@link dev.samara.emulator.linux.memory.CallMemory.BadAddress}. {@link
 * dev.samara.emulator.linux.memory.ProcessMemory} is the memory of a process, which a child of {@code vfork} shares.
 * Two kinds of memory outlast a process: shared segments, in a {@link dev.samara.emulator.linux.memory.SegmentTable},
 * and files in memory without a descriptor. {@link dev.samara.emulator.linux.memory.UnnamedMemory} frees such a file
 * when it is no longer mapped.
 */
@NullMarked
package dev.samara.emulator.linux.memory;

import org.jspecify.annotations.NullMarked;
