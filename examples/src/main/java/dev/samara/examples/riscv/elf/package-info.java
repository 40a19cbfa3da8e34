// SPDX-License-Identifier: Apache-2.0
/**
 * Executable files: read, checked and mapped into a new space. {@link dev.samara.examples.riscv.elf.ElfFile} is the
 * headers of a file. {@link dev.samara.examples.riscv.elf.ProgramLoader} makes the space of a program, with its
 * segments, its interpreter, and the {@linkplain dev.samara.examples.riscv.elf.InitialStack stack} that it begins with.
 */
@NullMarked
package dev.samara.examples.riscv.elf;

import org.jspecify.annotations.NullMarked;
