// SPDX-License-Identifier: Apache-2.0
/**
 * The translator: blocks of the guest that run often become a class.
 *
 * <p>{@link dev.samara.emulator.translate.BackgroundTranslator} is asked for the code of a block that is hot,
 * as {@link dev.samara.emulator.translate.HotnessPolicy} decides.
 * {@link dev.samara.emulator.translate.HotPlan} chooses the blocks that belong to it: those that were executed
 * after it, over branches, calls and returns. {@link dev.samara.emulator.translate.TranslatedCodeWriter} writes one
 * method of them, in which the registers of the guest are local variables.
 */
@NullMarked
package dev.samara.emulator.translate;

import org.jspecify.annotations.NullMarked;
