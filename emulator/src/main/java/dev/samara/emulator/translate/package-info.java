// SPDX-License-Identifier: Apache-2.0
/**
 * The translator: compiles blocks of the guest that run often to Java classes.
 *
 * <p>{@link dev.samara.emulator.translate.BackgroundTranslator} receives the requests for the code of hot blocks.
 * {@link dev.samara.emulator.translate.HotnessPolicy} decides which blocks are hot. {@link
 * dev.samara.emulator.translate.HotPlan} chooses the blocks that are translated together: the hot block, and the blocks
 * that were executed after it, across branches, calls and returns. {@link
 * dev.samara.emulator.translate.TranslatedCodeWriter} writes one method that contains these blocks, in which the
 * registers of the guest are local variables.
 */
@NullMarked
package dev.samara.emulator.translate;

import org.jspecify.annotations.NullMarked;
