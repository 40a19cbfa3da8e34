// SPDX-License-Identifier: Apache-2.0
/**
 * The numbers of {@code mman.h} and the results of calls: protections, flags, advice, errors, limits and capabilities.
 *
 * <p>The constants of {@link dev.samara.core.mman.Mman} are Linux's x86-64 values, so an embedder can pass a guest's
 * registers through without conversion. A call of {@link dev.samara.core.AddressSpace} that fails returns the negated
 * number of an {@link dev.samara.core.mman.Errno}; {@link dev.samara.core.ThrowingCalls} throws an {@link
 * dev.samara.core.mman.MmException} instead. An access of a {@link dev.samara.core.Cpu} returns a {@link
 * dev.samara.core.mman.Fault}, which determines the signal that Linux would send.
 *
 * <p>The names of all constants except those of {@code Fault} are unique, so all of them can be imported statically at
 * the same time. Where two Linux names differ only in their prefix, the constant of the rarer one keeps it: {@code
 * PROT_GROWSDOWN}, {@code MAP_SYNC}, {@code MREMAP_FIXED}, {@code SHM_EXEC}.
 *
 * <p>This package depends on no other package of Samara.
 *
 * <p><b>Threads.</b> Everything here is immutable and may be shared freely.
 *
 * <p><b>Stability.</b> This package is stable: a version of 0.x changes it only where a defect cannot be repaired
 * otherwise.
 */
@NullMarked
package dev.samara.core.mman;

import org.jspecify.annotations.NullMarked;
