// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

/**
 * The amounts of an address space at one instant that are counted against limits. All but the first are pages.
 *
 * @param maps number of VMAs
 * @param total all mappings ({@code RLIMIT_AS})
 * @param data private, writable mappings that do not grow down ({@code RLIMIT_DATA})
 * @param exec mappings that are executable and not writable
 * @param stack mappings that grow down
 * @param locked mappings locked in memory ({@code RLIMIT_MEMLOCK})
 * @param accounted mappings charged against the commit limit
 */
public record Usage(long maps, long total, long data, long exec, long stack, long locked, long accounted) {}
