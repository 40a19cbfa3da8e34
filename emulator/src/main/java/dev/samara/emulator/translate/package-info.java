// SPDX-License-Identifier: Apache-2.0
/**
 * The translator: compiles blocks of the guest that run often to Java classes.
 *
 * <p>{@link dev.samara.emulator.translate.BackgroundTranslator} receives the requests for the code of hot blocks.
 * {@link dev.samara.emulator.translate.BackgroundTranslator.HotnessPolicy} decides which blocks are hot. {@link
 * dev.samara.emulator.translate.HotPlan} chooses the blocks that are translated together: the hot block, and the blocks
 * that were executed after it, across branches, calls and returns. {@link
 * dev.samara.emulator.translate.TranslatedCodeWriter} writes one method that contains these blocks, in which the
 * registers of the guest are local variables.
 *
 * <p>The next time that a hart requests the block, its {@code BlockCache} compares the instructions and installs the
 * code. With {@code --interpret} and {@code --gdb}, no code is translated. Rules for the code:
 *
 * <ul>
 *   <li><b>It contains only what cannot fail.</b> An access compares the address with the granule that its base
 *       register accessed last ({@code KeptGranules}), then with the tag of the TLB
 *       ({@link dev.samara.core.guest.TlbArrays}), and exits on a miss: all registers are written back, and the
 *       interpreter executes the access, so that a fault has the right {@code pc}. The code also exits for atomic
 *       updates, control registers and system calls. Nothing that it calls leaves GUEST or polls. So while it runs, no
 *       translation in the TLB, and no block, can be dropped.
 *   <li><b>It exits for polls</b>, after 2,048 instructions with a backward jump.
 *   <li><b>It is dropped with any of its blocks</b>, each of which records the translated code that contains it.
 *   <li><b>It is small on purpose.</b> HotSpot does not compile methods of more than 8,000 bytes of bytecode, and
 *       interprets each method, and compiles it twice, before it is fast. {@code docs/experiments.md} compares sizes.
 *   <li><b>Memory order.</b> Between two polls HotSpot may merge or reorder plain loads and stores, as the forms for
 *       RISC-V in the package {@code dev.samara.core.guest} permit. The guest's fences and atomic updates are executed
 *       as fences and atomic updates.
 * </ul>
 */
@NullMarked
package dev.samara.emulator.translate;

import org.jspecify.annotations.NullMarked;
