// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

/**
 * The addresses of a program's argument and environment strings in its memory ({@code arg_start} etc.). The strings of
 * each kind are consecutive.
 *
 * @param argumentsStart the address of the first argument
 * @param argumentsEnd the address after the last one
 * @param environmentStart the address of the first environment variable
 * @param environmentEnd the address after the last one
 */
public record ArgumentPlace(long argumentsStart, long argumentsEnd, long environmentStart, long environmentEnd) {}
