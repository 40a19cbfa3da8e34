// SPDX-License-Identifier: Apache-2.0
/**
 * Lookups that run while a space is being changed, each of them judged.
 *
 * <p>One thread, the <em>writer</em>, changes a space; K <em>readers</em> ask it what is mapped at an address. The
 * layout after each operation of the writer is a <em>version</em>, and since layouts are immutable the writer can keep
 * the last few thousand of them in a {@link dev.samara.examples.lookup.VersionRing}. An answer is right if some version
 * that was current between the start and the end of the lookup holds exactly that VMA, or nothing if the answer was
 * nothing, at the address.
 *
 * <p><b>How a lookup is bracketed.</b> The writer stores {@code started = n}, performs operation n, stores version n,
 * and stores {@code completed = n}. A reader loads {@code completed} before its lookup, which gives version {@code
 * from}, and {@code started} after it, which gives {@code to}: the answer is from one of {@code from..to}. If {@code
 * to} is greater, the lookup <em>overlapped a write</em>. It waits until {@code to} is completed, and compares.
 *
 * <p><b>Who waits.</b> A reader waits for the operation in progress only. The writer waits only if it would overwrite a
 * version that a reader still needs, and it does so before it says that it started: so they never wait for each other.
 */
@NullMarked
package dev.samara.examples.lookup;

import org.jspecify.annotations.NullMarked;
