// SPDX-License-Identifier: Apache-2.0
/**
 * The instructions of RV64GC: from bytes to numbers that an interpreter or a translator reads quickly.
 *
 * <p>{@link dev.samara.emulator.isa.CompressedDecoder} expands an instruction of 16 bits to the one of 32 bits
 * that does what it does. {@link dev.samara.emulator.isa.InstructionDecoder} makes two ints of an instruction of
 * 32 bits. {@link dev.samara.emulator.isa.Op} names the operations.
 */
@NullMarked
package dev.samara.emulator.isa;

import org.jspecify.annotations.NullMarked;
