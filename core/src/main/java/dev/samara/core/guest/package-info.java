// SPDX-License-Identifier: Apache-2.0
/**
 * Memory as guest code sees it: numbers, bytes and strings at the addresses of the space of a CPU.
 *
 * <p>A {@link dev.samara.core.guest.GuestMemory} belongs to one {@link dev.samara.core.Cpu}, and only the thread that
 * owns the CPU may use it. An interpreter extends {@link dev.samara.core.guest.FlatMemory} instead, whose accesses
 * return numbers and report failures to one method.
 */
@NullMarked
package dev.samara.core.guest;

import org.jspecify.annotations.NullMarked;
