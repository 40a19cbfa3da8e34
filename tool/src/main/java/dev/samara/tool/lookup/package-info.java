// SPDX-License-Identifier: Apache-2.0
/**
 * Lookups that run concurrently with changes of a space, and are all checked.
 *
 * <p>One thread, the <em>writer</em>, changes a space; K <em>readers</em> look up addresses in it. The layout after
 * each operation of the writer is a <em>version</em>. Layouts are immutable, so the writer can keep the last few
 * thousand of them in a {@link dev.samara.tool.lookup.VersionRing}. A result is right if some version that was current
 * between the start and the end of the lookup contains exactly that VMA at the address, or nothing if the result was
 * nothing.
 *
 * <p><b>How a lookup is bracketed.</b> The writer stores {@code started = n}, performs operation n, stores version n,
 * and stores {@code completed = n}. Before its lookup, a reader loads {@code completed}, which is version {@code from}.
 * After the lookup it loads {@code started}, which is version {@code to}. The result is from one of the versions {@code
 * from..to}. If {@code to} is greater, the lookup <em>overlapped a write</em>. The reader waits until version {@code
 * to} is completed, and compares.
 *
 * <p><b>Waits.</b> A reader waits only for the operation in progress. The writer waits only if it would overwrite a
 * version that a reader still needs. It waits before it stores {@code started}, so the writer and a reader never wait
 * for each other.
 */
@NullMarked
package dev.samara.tool.lookup;

import org.jspecify.annotations.NullMarked;
