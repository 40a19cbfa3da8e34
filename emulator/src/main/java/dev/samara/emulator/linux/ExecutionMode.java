// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

/** How instructions of the guest are executed. */
public enum ExecutionMode {
    /** All instructions are interpreted. */
    INTERPRETED,

    /** Instructions are interpreted at first. Code that runs often is translated in the background. */
    TRANSLATED,

    /** Code is translated when it runs for the second time, and the guest waits for that. This tests the translator. */
    TRANSLATED_AT_ONCE
}
