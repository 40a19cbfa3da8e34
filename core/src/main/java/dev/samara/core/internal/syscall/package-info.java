// SPDX-License-Identifier: Apache-2.0
/**
 * The calls of an address space: their arguments, the order of their errors, and the edit that each makes.
 *
 * <p>The classes are grouped as in the kernel's {@code mm/} folder: {@link dev.samara.core.internal.syscall.Mapping}
 * ({@code mmap.c}), {@link dev.samara.core.internal.syscall.Protecting} ({@code mprotect.c}), {@link
 * dev.samara.core.internal.syscall.Remapping} ({@code mremap.c}), {@link dev.samara.core.internal.syscall.Advising}
 * ({@code madvise.c}), {@link dev.samara.core.internal.syscall.Locking} ({@code mlock.c}), and so on. {@link
 * dev.samara.core.AddressSpace} documents the calls.
 */
package dev.samara.core.internal.syscall;
