// SPDX-License-Identifier: Apache-2.0
/**
 * Reads executable files, checks them, and maps them into a new space. {@link dev.samara.emulator.elf.ElfFile} contains
 * the headers of a file. {@link dev.samara.emulator.elf.ProgramLoader} creates the space of a program, with its
 * segments, its interpreter, and its {@linkplain dev.samara.emulator.elf.ProgramLoader.InitialStack initial stack}.
 */
@NullMarked
package dev.samara.emulator.elf;

import org.jspecify.annotations.NullMarked;
