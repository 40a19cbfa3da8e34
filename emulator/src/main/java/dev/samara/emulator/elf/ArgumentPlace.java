// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

/**
 * Where the strings of a program are in its memory, one after the other ({@code arg_start} and so on).
 *
 * @param argumentsStart the address of the first argument
 * @param argumentsEnd the address after the last one
 * @param environmentStart the address of the first variable of the environment
 * @param environmentEnd the address after the last one
 */
public record ArgumentPlace(long argumentsStart, long argumentsEnd, long environmentStart, long environmentEnd) {}
