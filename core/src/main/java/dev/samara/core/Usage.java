// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

/**
 * What an address space held at one instant, as limits count it. All but the first are pages.
 *
 * @param maps number of VMAs
 * @param total everything that is mapped ({@code RLIMIT_AS})
 * @param data private, writable and no stack ({@code RLIMIT_DATA})
 * @param exec executable and not writable
 * @param stack mappings that grow down
 * @param locked locked in memory ({@code RLIMIT_MEMLOCK})
 * @param accounted charged against the commit limit
 */
public record Usage(long maps, long total, long data, long exec, long stack, long locked, long accounted) {}
