"""The laws of layers, in one module for each subject."""

from collections.abc import Callable
from typing import Any

from layerkit.testing.laws.layers import claims, dtypes, gradients, memory, shapes, training

LAWS: tuple[Callable[[Any], None], ...] = (
    shapes.the_shape_is_the_inferred_one,
    shapes.the_gradients_have_the_shapes_of_what_they_are_by,
    shapes.a_wrong_shape_is_refused_by_name,
    shapes.one_example_without_its_batch_axis_is_refused,
    claims.its_outputs_mean_what_it_says,
    dtypes.the_type_is_kept,
    dtypes.float32_agrees_with_float64,
    memory.inputs_are_left_alone,
    memory.arrays_with_gaps_give_the_same,
    memory.results_share_no_memory_with_what_came_in,
    claims.examples_do_not_mix,
    gradients.gradients_of_inputs_are_the_numerical_ones,
    gradients.gradients_of_parameters_are_the_numerical_ones,
    gradients.backward_goes_with_the_last_forward,
    gradients.gradients_are_set_not_added,
    gradients.parameters_learn_even_if_nobody_wants_the_input_gradient,
    training.the_same_seed_gives_the_same,
    claims.modes_differ_only_if_it_says_so,
    training.evaluation_changes_nothing,
    memory.passes_leave_values_alone,
    training.training_moves_its_states,
    claims.it_is_what_it_says_of_itself,
    training.all_that_it_has_learnt_is_saved,
    training.a_step_changes_every_parameter,
    memory.earlier_passes_leave_no_trace,
    memory.layers_do_not_share,
)
"""In the order in which they are tried and listed."""
