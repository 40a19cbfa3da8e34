// SPDX-License-Identifier: Apache-2.0
/**
 * Decodes the instructions of RV64GC to numbers that an interpreter or a translator can read quickly.
 *
 * <p>{@link dev.samara.emulator.isa.InstructionDecoder} decodes an instruction to two ints. {@link
 * dev.samara.emulator.isa.Op} defines the operations.
 */
@NullMarked
package dev.samara.emulator.isa;

import org.jspecify.annotations.NullMarked;
