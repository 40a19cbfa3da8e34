// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

/** How instructions of the guest are executed. */
public enum ExecutionMode {
    /** All are interpreted. */
    INTERPRETED,

    /** They are interpreted at first, and translated in the background where they run often. */
    TRANSLATED,

    /** They are translated when they run for the second time, and the guest waits: a test of the translator. */
    TRANSLATED_AT_ONCE
}
