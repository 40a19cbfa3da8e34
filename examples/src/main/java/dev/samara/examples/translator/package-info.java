// SPDX-License-Identifier: Apache-2.0
/**
 * A translator for a toy guest, as a template for your own translator. Loops of the guest become classes that access
 * memory without a method call. {@link dev.samara.examples.translator.GeneratedCode} runs it.
 *
 * <p>{@link dev.samara.examples.translator.ToyCpu} contains the registers, and interprets one instruction at a time.
 * {@link dev.samara.examples.translator.LoopTranslator} generates the class of a loop. {@link
 * dev.samara.examples.translator.TranslationCache} caches the classes, and drops a class when the instructions of its
 * loop may have changed.
 *
 * <p>Three rules keep the translator simple. The generated code does not poll or call the library, so the TLB entries
 * that it copied stay valid while it runs. The code exits after a number of passes, and then its caller polls. The code
 * also exits before an access that it cannot make, and then the interpreter makes the access. So the interpreter raises
 * all faults, with the registers of the instruction.
 */
@NullMarked
package dev.samara.examples.translator;

import org.jspecify.annotations.NullMarked;
