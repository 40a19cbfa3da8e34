// SPDX-License-Identifier: Apache-2.0
/**
 * A translator for a toy guest, to be copied from: loops of the guest become classes whose accesses to memory need no
 * call. {@link dev.samara.examples.translator.GeneratedCode} runs it.
 *
 * <p>{@link dev.samara.examples.translator.ToyCpu} has the registers, and interprets one instruction at a time. {@link
 * dev.samara.examples.translator.LoopTranslator} writes the class of a loop. {@link
 * dev.samara.examples.translator.TranslationCache} keeps the classes, and drops those whose instructions may have
 * changed.
 *
 * <p>Three rules make it simple. The generated code makes no call, so nothing that it has found in the TLB changes
 * under it. It leaves after a number of passes, and its caller polls. It also leaves before an access that it cannot
 * make, and the interpreter makes that one: all faults come from there, with the registers of the instruction.
 */
@NullMarked
package dev.samara.examples.translator;

import org.jspecify.annotations.NullMarked;
