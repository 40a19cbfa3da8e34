// SPDX-License-Identifier: Apache-2.0
/**
 * What everybody names: the VMA and the vocabulary of the calls.
 *
 * <p>This package holds data only. A {@link dev.samara.core.vma.Vma} says what one range of addresses is, a {@link
 * dev.samara.core.vma.Backing} says what open file or shared object stands behind it, a {@link
 * dev.samara.core.vma.Geometry} says how large pages and the space are, and the constant classes carry the numbers that
 * Linux gives to protections, flags and advice on x86-64, so that a guest's registers can be passed on as they are.
 *
 * <p><b>Units.</b> Addresses are unsigned 64-bit byte addresses in a {@code long}. A range of addresses is half-open,
 * {@code [start, end)}. A page offset counts pages of the space's geometry from the start of the backing.
 *
 * <p><b>Threads.</b> Everything here is immutable and may be shared freely.
 */
package dev.samara.core.vma;
