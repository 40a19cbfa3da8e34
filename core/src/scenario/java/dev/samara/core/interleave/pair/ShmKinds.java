// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.SharedSegment;

/** Operations on shared segments, and on stacks that grow. */
final class ShmKinds {
    /** The number of pages of the segment that is attached to a range. */
    static final int PAGES = 2;

    private ShmKinds() {}

    static void addTo() {
        PairKinds.gives("shmat", call -> call.space().shmat(call.state().segment(PAGES), call.start(), Mman.REMAP));
        PairKinds.takesOn(
                ground -> ground == Ground.SEGMENT,
                "shmdt",
                call -> call.space().shmdt(SpaceScenario.AT));
        PairKinds.endsOn(ground -> ground == Ground.SEGMENT, "segment-remove", call -> {
            call.state().segment(Ground.PAGES).remove();
            return "removed";
        });
        PairKinds.on(ground -> ground == Ground.SEGMENT, "segment-rmid", call -> {
            SharedSegment segment = call.state().segment(Ground.PAGES);
            segment.removeWhenDetached();
            return segment.isMarkedForRemoval() && segment.attachments() >= 0;
        });
        PairKinds.on(ground -> ground == Ground.SEGMENT, "shm-lock", call -> {
            SharedSegment segment = call.state().segment(Ground.PAGES);
            return call.space().shmLock(segment);
        });
        PairKinds.on(ground -> ground == Ground.SEGMENT, "shm-unlock", call -> {
            SharedSegment segment = call.state().segment(Ground.PAGES);
            return call.space().shmUnlock(segment);
        });
        PairKinds.on(
                ground -> ground == Ground.STACK,
                "grow-stack",
                call -> call.space().growStack(PairKinds.BELOW));
        PairKinds.accessesOn(
                ground -> ground == Ground.STACK,
                "stack-fault",
                call -> SpaceScenario.store(call.cpu(), PairKinds.BELOW, 0x5e));
    }
}
