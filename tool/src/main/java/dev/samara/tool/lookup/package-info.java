// SPDX-License-Identifier: Apache-2.0
/**
 * Lookups that run while a space is being changed, each of them checked.
 *
 * <p>One thread, the <em>writer</em>, changes a space; K <em>readers</em> look addresses up in it. The layout after
 * each operation of the writer is a <em>version</em>. Layouts are immutable, so the writer can keep the last few
 * thousand of them in a {@link dev.samara.tool.lookup.VersionRing}. An answer is right if some version that was
 * current between the start and the end of the lookup holds exactly that VMA, or nothing if the answer was nothing, at
 * the address.
 *
 * <p><b>How a lookup is bracketed.</b> The writer stores {@code started = n}, performs operation n, stores version n,
 * and stores {@code completed = n}. A reader loads {@code completed} before its lookup, which gives version {@code
 * from}. After the lookup it loads {@code started}, which gives {@code to}. The answer is from one of {@code from..to}.
 * If {@code to} is greater, the lookup <em>overlapped a write</em>. The reader waits until {@code to} is completed, and
 * compares.
 *
 * <p><b>Waits.</b> A reader waits only for the operation in progress. The writer waits only if it would overwrite a
 * version that a reader still needs. It does so before it stores {@code started}, so the writer and a reader never wait
 * for each other.
 */
@NullMarked
package dev.samara.tool.lookup;

import org.jspecify.annotations.NullMarked;
