// SPDX-License-Identifier: Apache-2.0
/**
 * Executable files: read, checked and mapped into a new space. {@link dev.samara.emulator.elf.ElfFile} is the
 * headers of a file. {@link dev.samara.emulator.elf.ProgramLoader} makes the space of a program, with its
 * segments, its interpreter, and the {@linkplain dev.samara.emulator.elf.InitialStack stack} that it begins with.
 */
@NullMarked
package dev.samara.emulator.elf;

import org.jspecify.annotations.NullMarked;
