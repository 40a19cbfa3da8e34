// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.isa.Op;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * The blocks that are translated together: the first block, and the blocks that the hart executed after it often
 * enough, the most frequent first. A plan follows branches, jumps, calls, and the recorded targets of indirect jumps.
 * The blocks are copies, so any thread may use the plan.
 */
final class HotPlan {
    /**
     * The maximum number of instructions of a plan. With more instructions, a large program would wait longer for
     * HotSpot's compilers, and loops would not become faster.
     */
    private static final int MOST = 80;

    /** A block is cold if it ran less often than the first block by this factor. */
    private static final int COLD = 32;

    /** The maximum distance of a block from the first one, so that the difference of their addresses is an int. */
    private static final long FARTHEST = 1L << 29;

    private final Map<Long, CodeBlock> blocks;
    private final Set<Long> returns;
    private final Map<Long, List<Long>> targets;

    private HotPlan(Map<Long, CodeBlock> blocks, Set<Long> returns, Map<Long, List<Long>> targets) {
        this.blocks = blocks;
        this.returns = returns;
        this.targets = targets;
    }

    /** Plans the code that starts with a block. Called by the thread of the cache. */
    static HotPlan of(CodeBlock first, BlockCache known) {
        Map<Long, CodeBlock> blocks = new LinkedHashMap<>();
        Set<Long> returns = new LinkedHashSet<>();
        Map<Long, List<Long>> targets = new HashMap<>();
        PriorityQueue<CodeBlock> found = new PriorityQueue<>(Comparator.comparingInt(block -> -block.runs()));
        found.add(first);
        int instructions = 0;
        int least = Math.max(first.runs() / COLD, 1);
        while (!found.isEmpty()) {
            CodeBlock block = found.remove();
            if (blocks.containsKey(block.start)
                    || isFar(block.start - first.start)
                    || instructions + block.instructions > MOST
                    || block.isGone()) {
                continue;
            }
            instructions += block.instructions;
            blocks.put(block.start, block.copy());
            for (long next : next(block, returns, targets)) {
                CodeBlock following = known.known(next);
                if (following != null && following.runs() >= least) {
                    found.add(following);
                }
            }
        }
        return new HotPlan(blocks, returns, targets).closed();
    }

    private static boolean isFar(long distance) {
        return distance > FARTHEST || distance < -FARTHEST;
    }

    /** Returns the addresses at which the guest may continue after a block. */
    private static List<Long> next(CodeBlock block, Set<Long> returns, Map<Long, List<Long>> targets) {
        List<Long> next = new ArrayList<>();
        int last = last(block);
        int op = block.code[last] & 0xff;
        if (op >= Op.BEQ && op <= Op.JAL) {
            next.add(block.pc(last) + block.code[last + 1]);
        }
        if (op <= Op.BGEU || op == Op.NEXT) {
            next.add(block.end);
        }
        if (op == Op.JALR && !isReturn(block.code[last])) {
            List<Long> seen = Arrays.stream(block.targets()).boxed().toList();
            targets.put(block.start, seen);
            next.addAll(seen);
        }
        if ((op == Op.JAL || op == Op.JALR) && (block.code[last] >> 8 & 0xff) == Hart.RA) {
            next.add(block.end);
            returns.add(block.end);
        }
        return next;
    }

    private static boolean isReturn(int word) {
        return (word >> 16 & 0xff) == Hart.RA && (word >> 8 & 0xff) != Hart.RA;
    }

    private HotPlan closed() {
        returns.retainAll(blocks.keySet());
        targets.replaceAll((block, seen) ->
                seen.stream().filter(blocks::containsKey).sorted().toList());
        return this;
    }

    /** Returns a plan with only the first half of this plan's blocks. */
    HotPlan shorter() {
        Map<Long, CodeBlock> kept = new LinkedHashMap<>();
        int most = (blocks.size() + 1) / 2;
        for (Map.Entry<Long, CodeBlock> each : blocks.entrySet()) {
            if (kept.size() < most) {
                kept.put(each.getKey(), each.getValue());
            }
        }
        return new HotPlan(kept, new LinkedHashSet<>(returns), new HashMap<>(targets)).closed();
    }

    /** Returns the index of a block's last instruction in its code. */
    static int last(CodeBlock block) {
        return block.code.length - 2;
    }

    /** Returns the blocks, with the first one first. */
    List<CodeBlock> blocks() {
        return new ArrayList<>(blocks.values());
    }

    long start() {
        return blocks.keySet().iterator().next();
    }

    boolean has(long start) {
        return blocks.containsKey(start);
    }

    /** Returns the targets of the indirect jump at the end of a block that are in this plan. */
    Collection<Long> targets(CodeBlock block) {
        return isReturn(block.code[last(block)]) ? returns : targets.getOrDefault(block.start, List.of());
    }
}
