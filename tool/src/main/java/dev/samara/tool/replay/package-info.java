// SPDX-License-Identifier: Apache-2.0
/**
 * Executes a trace in the library, and compares every result.
 *
 * <p>A {@link dev.samara.tool.replay.ReplaySession} replays the files of a run one after the other. For each file it
 * loads the first snapshot into a new address space. Then it executes every operation, and compares its result or
 * errno. At each later snapshot it compares the whole layout, page by page: rights, whether a mapping is shared or
 * private, device and inode, file offset, and all {@code VmFlags}. The first snapshot of a forked child is also
 * compared with the library's own fork of the parent.
 *
 * <p><b>Facts that are learnt from snapshots.</b> Three facts do not follow from the operations, and only they are
 * learnt from snapshots: the growth of {@code [stack]} by faults ({@code Replay}), the inode of an anonymous shared
 * mapping ({@code SharedObjects}), and whether the file of a shared mapping was open only for reading ({@code
 * OpenModes}). One flag is not compared: {@code ac} of private anonymous pages that were made non-writable at some time
 * ({@code UnknownAccounting}), because it depends on whether the pages had already been touched.
 *
 * <p><b>Placement.</b> Unless placement itself is checked, a mapping whose address the kernel chose is requested at
 * exactly that address, where the range must be free. So one wrong address does not make all later results wrong.
 */
@NullMarked
package dev.samara.tool.replay;

import org.jspecify.annotations.NullMarked;
