// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

/**
 * The users and groups that a program begins with, as its auxiliary vector has them.
 *
 * @param user the real user
 * @param effectiveUser the user whose rights it has
 * @param group the real group
 * @param effectiveGroup the group whose rights it has
 */
public record ProgramOwner(int user, int effectiveUser, int group, int effectiveGroup) {
    /** Whether the program has other rights than the one who runs it, and must not trust its environment. */
    boolean isSecure() {
        return user != effectiveUser || group != effectiveGroup;
    }
}
