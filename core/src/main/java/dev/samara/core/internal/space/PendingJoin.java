// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * An address at which an operation's completion tries to merge two VMAs.
 *
 * @param address the boundary of the two VMAs
 * @param isSeam whether the rules allowed the two to be one VMA when the operation was published
 */
public record PendingJoin(long address, boolean isSeam) {}
