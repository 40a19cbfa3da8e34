// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.memory.SmallMemory;

/** A few frames, poisoned when they are freed, and a magazine. */
abstract class FramesFixture {
    static final int LIMIT = 200;
    static final long POISON = 0xa5a5_a5a5_a5a5_a5a5L;

    final Frames frames = SmallMemory.frames(12, LIMIT);
    final Magazine magazine = frames.newMagazine();
}
